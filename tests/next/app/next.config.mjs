export default process.env.STANDALONE === '1' ? { output: 'standalone' } : {};
