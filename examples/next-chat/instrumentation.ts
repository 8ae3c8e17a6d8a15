/** Next.js calls it once, before the first request: opening the database takes seconds the first time. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { metadata } = await import('./lib/metadata');
  await metadata();
}
