// The example app in production mode, in Chromium: built once for all of it.
import './answers.mjs';
import './users.mjs';
import './hostile.mjs';
import './acts.mjs';
import './looks.mjs';
import './instances.mjs';
