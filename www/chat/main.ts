import { App } from './app.js';
import { allowKeeper } from './trusted.js';

allowKeeper();
void new App().start();
