import { redirect } from 'next/navigation';
import type { ReactNode } from 'react';
import { App } from '@/components/app';
import { currentUser, signOut } from '@/lib/auth';

/**
 * The list and the open chat are one component for all addresses below: what is written, scrolled and streamed stays as it is while
 * the address changes. The pages only give titles.
 */
export default async function ChatLayout({ children }: { children: ReactNode }) {
  const user = await currentUser();
  if (user === undefined) redirect('/login');
  async function leave() {
    'use server';
    await signOut();
    redirect('/login');
  }
  return (
    <>
      <App user={user} leave={leave} />
      {children}
    </>
  );
}
