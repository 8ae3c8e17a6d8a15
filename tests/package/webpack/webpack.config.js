// Other modules of this project are wasm that is imported, as many guides set it up. The file of the library is an address instead.
const rule = { test: /\.wasm$/, type: 'webassembly/async' };

export default ({ entry }) => ({
  mode: 'production',
  entry: `./${entry}.js`,
  experiments: { asyncWebAssembly: true },
  module: { rules: [entry === 'inline' ? rule : { ...rule, dependency: { not: ['url'] } }] },
  output: { filename: 'main.js', publicPath: './' },
});
