import { describe, expect, it } from 'vitest';
import { checkRuntime } from './runtime.ts';

const runtime = { nodeVersion: '22.18.0', platform: 'linux', arch: 'x64' };

describe('an unsupported machine is told so in one message', () => {
  it.each(['20.19.0', '22.12.0', '22.17.9', '21.99.0'])('Node %s', (nodeVersion) => {
    expect(() => checkRuntime({ ...runtime, nodeVersion })).toThrow(
      expect.objectContaining({
        code: 'CONNECT_NODE_UNSUPPORTED',
        kind: 'invalid',
        message: expect.stringMatching(new RegExp(`22\\.18\\.0.*${nodeVersion.replaceAll('.', '\\.')}`)),
      }),
    );
  });

  it.each([
    ['freebsd', 'x64'],
    ['linux', 'riscv64'],
  ])('%s %s', (platform, arch) => {
    expect(() => checkRuntime({ ...runtime, platform, arch })).toThrow(
      expect.objectContaining({ code: 'CONNECT_PLATFORM_UNSUPPORTED', kind: 'invalid' }),
    );
  });

  it.each(['22.18.0', '22.23.2', '24.0.0', '26.1.0'])('and Node %s is not', (nodeVersion) => {
    expect(() => checkRuntime({ ...runtime, nodeVersion })).not.toThrow();
  });
});
