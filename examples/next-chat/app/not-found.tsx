import Link from 'next/link';

export const metadata = { title: 'Not found' };

export default function NotFound() {
  return (
    <main className="card">
      <h1>This page is not there</h1>
      <p><Link href="/">Go to your chats</Link></p>
    </main>
  );
}
