import { redirect } from 'next/navigation';
import { currentUser } from '@/lib/auth';
import { LoginForm } from './form';

export const metadata = { title: 'Sign in' };

export default async function LoginPage() {
  if ((await currentUser()) !== undefined) redirect('/');
  return (
    <main className="card">
      <h1>Sign in</h1>
      <LoginForm />
    </main>
  );
}
