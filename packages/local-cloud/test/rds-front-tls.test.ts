import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCertificateAuthority } from '../src/tls/certificate-authority.ts';
import {
  endpoint,
  logIn,
  master,
  type Overrides,
  startTestFront,
  type TestFront,
} from './fixtures/test-front.ts';

let cloud: TestFront;

beforeAll(async () => {
  cloud = await startTestFront();
});

afterAll(() => cloud.close());

const ways: [string, Overrides][] = [
  ['TLS by request', {}],
  ['direct TLS', { sslnegotiation: 'direct' } as Overrides],
];

async function failure(overrides: Overrides): Promise<string> {
  return (await logIn(cloud.config({ ...master, ...overrides }))).split(' ')[0] ?? '';
}

test.each(ways)('%s: the endpoint’s name is verified and nothing else passes', async (_name, way) => {
  expect(await failure(way)).toBe(master.user);
  expect(await failure({ ...way, ssl: { ca: cloud.caPem, servername: 'other.rds.amazonaws.com' } })).toBe(
    'ERR_TLS_CERT_ALTNAME_INVALID',
  );
  expect(await failure({ ...way, ssl: { ca: cloud.caPem } })).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});

test.each(ways)('%s: the authority of another run is not trusted', async (_name, way) => {
  const { caPem } = await createCertificateAuthority();
  expect(await failure({ ...way, ssl: { ca: caPem, servername: endpoint } })).toBe(
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  );
  expect(await failure({ ...way, ssl: { servername: endpoint } })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

test('a client that does not trust the certificate sends no password', async () => {
  const { connections } = cloud.front.statistics();
  await failure({ ssl: { servername: endpoint } });
  expect(cloud.front.statistics().connections).toBe(connections);
});

test('the curve is P-256 as on a server up to 17, and TLS older than 1.2 is refused', async () => {
  const open = (options: object) =>
    connect({
      port: cloud.front.port,
      host: '127.0.0.1',
      ca: cloud.caPem,
      servername: endpoint,
      ALPNProtocols: ['postgresql'],
      ...options,
    });
  const modern = open({});
  await once(modern, 'secureConnect');
  expect(modern.getProtocol()).toBe('TLSv1.3');
  expect(modern.getEphemeralKeyInfo()).toMatchObject({ type: 'ECDH', name: 'prime256v1' });
  modern.destroy();
  await expect(once(open({ ecdhCurve: 'X25519' }), 'secureConnect')).rejects.toThrow(/handshake failure/);
  await expect(
    once(
      open({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      'secureConnect',
    ),
  ).rejects.toThrow();
});
