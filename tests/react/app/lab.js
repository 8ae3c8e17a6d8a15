// What the tests' pages are made of: React, what draws it, and the package, in reach of each page's script.
import * as session from 'opencode-session';
import * as hooks from 'opencode-session/react';
import * as React from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server.browser';

const { createElement: h } = React;
/** How often each component was rendered, by name. */
const renders = {};
globalThis.lab = {
  ...session, ...hooks, ...React, React, createRoot, hydrateRoot, renderToString, h, renders,
  counted(name) {
    renders[name] = (renders[name] ?? 0) + 1;
  },
  /** Draws into the page, under StrictMode and below a provider. Gives the function that takes it away. */
  show(options, ...children) {
    const root = createRoot(document.querySelector('main'));
    root.render(h(React.StrictMode, null, h(hooks.SessionProvider, { options }, ...children)));
    return () => root.unmount();
  },
  words: (state) => state.messages.map(({ parts }) => parts.map(({ text = '' }) => text).join('')).join('|'),
};
