import { ConnectError } from './errors.ts';

/** The first Node that loads `postern.config.ts` without a build step or a flag (type stripping). */
export const REQUIRED_NODE = '22.18.0';

const platforms = ['linux', 'darwin', 'win32'];
const architectures = ['x64', 'arm64'];

export interface Runtime {
  nodeVersion: string;
  platform: string;
  arch: string;
}

const thisRuntime: Runtime = {
  nodeVersion: process.versions.node,
  platform: process.platform,
  arch: process.arch,
};

/** Throws `CONNECT_NODE_UNSUPPORTED` or `CONNECT_PLATFORM_UNSUPPORTED`. */
export function checkRuntime(runtime: Runtime = thisRuntime): void {
  if (!atLeast(runtime.nodeVersion, REQUIRED_NODE)) {
    throw new ConnectError({
      code: 'CONNECT_NODE_UNSUPPORTED',
      kind: 'invalid',
      message: `Postern needs Node ${REQUIRED_NODE} or newer to load postern.config.ts; this is Node ${runtime.nodeVersion}.`,
      hint: 'Install a current Node 22, 24 or later, or run the command with one.',
    });
  }
  if (!platforms.includes(runtime.platform) || !architectures.includes(runtime.arch)) {
    throw new ConnectError({
      code: 'CONNECT_PLATFORM_UNSUPPORTED',
      kind: 'invalid',
      message: `Postern does not run on ${runtime.platform} ${runtime.arch}.`,
      hint: 'Supported: Linux on x64 and arm64. macOS and Windows are designed for and untested.',
    });
  }
}

function atLeast(version: string, required: string): boolean {
  const have = version.split('.').map(Number);
  const need = required.split('.').map(Number);
  for (let part = 0; part < 3; part += 1) {
    const difference = (have[part] ?? 0) - (need[part] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
