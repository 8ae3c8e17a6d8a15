import { Inspector } from './inspector.js';

new Inspector().start();
