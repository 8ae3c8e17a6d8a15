import type { NextConfig } from 'next';

const config: NextConfig = {
  poweredByHeader: false,
  // They load files of their own beside their code, which a bundle does not have.
  serverExternalPackages: ['@electric-sql/pglite', 'drizzle-orm', 'pg', 'redis'],
  // Browsers ask for it by themselves, while a page's own word on it is still on its way.
  rewrites: async () => [{ source: '/favicon.ico', destination: '/icon.svg' }],
};

export default config;
