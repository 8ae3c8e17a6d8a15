import { Lab } from './lab.js';

void new Lab().start();
