import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { createCertificateAuthority } from './certificate-authority.ts';

const endpoint = 'postern-local.cluster-c0postern0ab.eu-west-2.rds.amazonaws.com';

test('clients verify the endpoint by its name and its address, and refuse any other', async () => {
  const authority = await createCertificateAuthority();
  const { certPem, keyPem } = await authority.issue([endpoint, '127.0.0.1']);
  await using server = createServer({ cert: certPem, key: keyPem }, (socket) => socket.end()).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const attempt = async (servername: string | undefined, ca: string): Promise<string | undefined> => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, ...(servername && { servername }) });
    const outcome = await once(socket, 'secureConnect').then(
      () => 'verified',
      (error: NodeJS.ErrnoException) => error.code,
    );
    socket.destroy();
    return outcome;
  };

  expect(await attempt(endpoint, authority.caPem)).toBe('verified');
  expect(await attempt(undefined, authority.caPem)).toBe('verified');
  expect(await attempt('other.rds.amazonaws.com', authority.caPem)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  const { caPem: stranger } = await createCertificateAuthority();
  expect(await attempt(endpoint, stranger)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

test('the root may sign certificates and a server certificate may not', async () => {
  const authority = await createCertificateAuthority();
  const root = new X509Certificate(authority.caPem);
  const leaf = new X509Certificate((await authority.issue([endpoint])).certPem);
  expect(root.ca).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.verify(root.publicKey)).toBe(true);
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
});
