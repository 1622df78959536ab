import { describe, expect, it } from 'vitest';
import { aws } from '../config/settings.ts';
import type { AwsAccess } from './aws-access.ts';
import type { Cluster } from './environment.ts';
import { sessionOptions, sessionReason, tunnelOptions } from './tunnel-options.ts';

const access: AwsAccess = {
  region: 'eu-west-2',
  endpoint: 'http://127.0.0.1:1',
  credentials: async () => ({}) as never,
};
const cluster: Cluster = { endpoint: { host: 'db.example', port: 5432 }, region: 'eu-west-2', ca: [] };
const owner = (over: object = {}) => ({
  name: 'staging',
  root: '/repo/shop',
  access,
  settings: aws({ region: 'eu-west-2', cluster: 'app', ...over }),
});

describe('the reason of a session', () => {
  it('tells workspace and environment, and is one that AWS takes whatever the folder is called', () => {
    expect(sessionReason('/repo/shop', 'staging')).toBe('postern shop staging');
    expect(sessionReason('/', 'staging')).toBe('postern staging');
    expect(sessionReason('/a/Łódź [postern 1 2]\n', 'dev')).toBe('postern Łódź-postern-1-2- dev');
    expect(sessionReason(`/${'a'.repeat(255)}`, 'dev').length).toBeLessThan(200);
  });
});

describe('the options of a tunnel', () => {
  it('hand over tags and lists, so that the tunnel finds a node that took the place of another', () => {
    const tags = { role: 'jump', stage: 'test' };
    const target = (jumpHost: Parameters<typeof tunnelOptions>[1]): unknown =>
      tunnelOptions(owner(), jumpHost, cluster).target;
    expect(target({ tag: tags })).toEqual({ tags });
    expect(target(['i-1', 'i-2'])).toEqual(['i-1', 'i-2']);
    expect(target('i-1')).toBe('i-1');
  });

  it('lead to the endpoint, or where the document leads', () => {
    expect(tunnelOptions(owner(), 'i-1', cluster)).toMatchObject({
      remoteHost: 'db.example',
      remotePort: 5432,
    });
    const document = { name: 'own' };
    const options = tunnelOptions(owner({ jumpHost: 'i-1', document }), 'i-1', cluster);
    expect(options).toMatchObject({ document });
    expect(options).not.toHaveProperty('remoteHost');
  });

  it('take what the settings say, and so does the search for what a killed host left', () => {
    const tunnel = { proxy: false, endpoint: 'https://vpce.example', uploadPayloadBytes: 16_384 } as const;
    const set = owner({ jumpHost: 'i-1', tunnel });
    expect(tunnelOptions(set, 'i-1', cluster)).toMatchObject(tunnel);
    expect(sessionOptions(set)).toEqual({
      region: 'eu-west-2',
      credentials: access.credentials,
      reason: 'postern shop staging',
      endpoint: 'https://vpce.example',
      proxy: false,
    });
    expect(sessionOptions(owner())).toMatchObject({ endpoint: 'http://127.0.0.1:1' });
  });
});
