// The repository runs on the Node that package.json pins as an optional dependency. Optional means silent:
// with `--omit=optional`, or on a platform without that package, the host's Node is used instead.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Node ${process.versions.node} cannot run this repository: it needs 22.18 or newer.\n` +
      'Next step: install without "--omit=optional" (that brings a pinned Node on Linux and Windows), ' +
      'or install Node 22.18 or newer yourself.',
  );
  process.exit(2);
}
