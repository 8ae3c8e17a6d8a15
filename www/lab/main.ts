import { allowKeeper } from '../chat/trusted.js';
import { Lab } from './lab.js';

allowKeeper();
void new Lab().start();
