'use server';
import { redirect } from 'next/navigation';
import { NAME, signIn } from '@/lib/auth';

/** @returns what is wrong with the name; signs in and goes to the chats when nothing is */
export async function login(_before: string | undefined, form: FormData): Promise<string | undefined> {
  const name = String(form.get('name') ?? '').trim().toLowerCase();
  if (!NAME.test(name)) return 'A name has letters, digits and hyphens, begins with a letter, and is at most 32 characters long.';
  await signIn(name);
  redirect('/');
}
