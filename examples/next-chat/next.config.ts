import type { NextConfig } from 'next';

const config: NextConfig = {
  poweredByHeader: false,
  // They load files of their own beside their code, which a bundle does not have.
  serverExternalPackages: ['@electric-sql/pglite', 'drizzle-orm', 'pg', 'redis'],
};

export default config;
