import { describe, expect, it } from 'vitest';
import type { TunnelOptions } from './options.ts';
import { resolveOptions } from './resolve-options.ts';

const target = 'i-0a1b2c3d4e5f60718';

function problemsOf(options: object): readonly string[] {
  try {
    resolveOptions(options as TunnelOptions);
  } catch (error) {
    expect(error).toMatchObject({ code: 'SSM_OPTIONS_INVALID', kind: 'invalid' });
    return (error as { problems: readonly string[] }).problems;
  }
  return [];
}

describe('options', () => {
  it('name all their problems at once', () => {
    const problems = problemsOf({
      target: 'server1',
      remotePort: 70_000,
      remoteHost: 'a;b',
      document: { name: 'x', parameters: { portNumber: '' } },
      region: '',
      endpoint: 'nowhere',
      reason: '',
      handshakeTimeoutMs: 0,
      connectTimeoutMs: 1.5,
      pingIntervalMs: 1,
      halfCloseLingerMs: -1,
      streamBufferBytes: 1,
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'target',
      'remotePort',
      'remoteHost',
      'document.name',
      'document.parameters.portNumber',
      'region',
      'endpoint',
      'reason',
      'handshakeTimeoutMs',
      'connectTimeoutMs',
      'pingIntervalMs',
      'halfCloseLingerMs',
      'streamBufferBytes',
    ]);
  });

  it.each(['i-0a1b2c3d', target, 'mi-0123456789abcdef0', 'ecs:my_cluster_0123abcd_0123abcd-1'])(
    'take %s for a target',
    (good) => {
      expect(problemsOf({ target: good, remotePort: 1 })).toEqual([]);
    },
  );

  it.each(['', 'i-', 'i-0A1B2C3D', 'ecs:cluster', 'ecs:a_b', undefined])(
    'do not take %s for a target',
    (bad) => {
      expect(problemsOf({ target: bad, remotePort: 1 })).toHaveLength(1);
    },
  );

  it('choose the document that AWS has for a port of the node itself', () => {
    expect(resolveOptions({ target, remotePort: 5432 })).toMatchObject({
      documentName: 'AWS-StartPortForwardingSession',
      parameters: { portNumber: ['5432'], localPortNumber: ['0'] },
    });
  });

  it('choose the document that AWS has for a host behind the node', () => {
    expect(resolveOptions({ target, remoteHost: 'db.internal', remotePort: 5432 })).toMatchObject({
      documentName: 'AWS-StartPortForwardingSessionToRemoteHost',
      parameters: { host: ['db.internal'], portNumber: ['5432'], localPortNumber: ['0'] },
    });
  });

  it('leave host and port to a custom document', () => {
    expect(
      resolveOptions({ target, document: { name: 'Team-Database', parameters: { stage: 'test' } } }),
    ).toMatchObject({
      documentName: 'Team-Database',
      parameters: { stage: ['test'] },
    });
  });

  it('that are misspelt do not silently lead somewhere else', () => {
    const misspelt = { target, remotePort: 5432, remotehost: 'db.internal' };
    expect(problemsOf(misspelt)).toEqual([expect.stringMatching(/^remotehost: unknown option .*remoteHost/)]);
  });

  it('fill in what is not given', () => {
    expect(resolveOptions({ target, remotePort: 1 })).toMatchObject({
      reason: 'postern',
      handshakeTimeoutMs: 30_000,
      connectTimeoutMs: 15_000,
      pingIntervalMs: 25_000,
      halfCloseLingerMs: 30_000,
      streamBufferBytes: 16_777_216,
      region: undefined,
    });
  });
});
