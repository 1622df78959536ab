import { isIP } from 'node:net';

/** A certificate with its key, both PEM. The key is a secret of this run. */
export interface IssuedCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface CertificateAuthority {
  /** The root certificate: what a client must be given to verify servers of this run. */
  readonly caPem: string;
  /** Issues a server certificate for DNS names and IP addresses; the first one is also its common name. */
  issue(names: readonly string[]): Promise<IssuedCertificate>;
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1000;

/**
 * A certificate authority for one run, with the shape of those of RDS: a root, and server certificates with the
 * endpoint's names. Its private key never leaves this function.
 */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  // Loading them takes longer than all signing; whoever does not need a certificate does not wait for it.
  await import('reflect-metadata'); // first: @peculiar/x509 needs it while it loads
  const x509 = await import('@peculiar/x509');
  const authority = await crypto.subtle.generateKey(keyAlgorithm, false, ['sign', 'verify']);
  // A day of slack on each side: clocks that tests move, and hosts that run over midnight.
  const validity = () => ({
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + 30 * dayMs),
  });
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Postern local RDS Root CA ECC256 G1',
    ...validity(),
    signingAlgorithm,
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    ],
  });

  return {
    caPem: `${root.toString('pem')}\n`,
    async issue(names) {
      const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: [{ CN: [names[0] ?? 'postern'] }],
        issuer: root.subject,
        ...validity(),
        signingAlgorithm,
        publicKey: keys.publicKey,
        signingKey: authority.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(
            names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
          ),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
          await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
        ],
      });
      const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
      return {
        certPem: `${certificate.toString('pem')}\n`,
        keyPem: `-----BEGIN PRIVATE KEY-----\n${key.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`,
      };
    },
  };
}

/** 16 random bytes, positive as X.509 wants it. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
