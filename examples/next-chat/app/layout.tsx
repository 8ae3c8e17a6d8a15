import type { Metadata, Viewport } from 'next';
import { connection } from 'next/server';
import type { ReactNode } from 'react';
import './styles/base.css';
import './styles/chat.css';
import './styles/code.css';

export const metadata: Metadata = { title: { default: 'Chat', template: '%s · Chat' }, description: 'A chat with an OpenCode server' };
export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#fbfbf9' },
    { media: '(prefers-color-scheme: dark)', color: '#161817' },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  // Every page is rendered for its request: the policy's nonce is another one each time.
  await connection();
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
