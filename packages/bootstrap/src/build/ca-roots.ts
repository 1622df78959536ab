import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BootstrapError } from '../errors.ts';
import type { OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';

/** CA roots to pack: as they are, or those of one region out of a bundle of RDS. */
export type CaOption =
  | { readonly pem: string }
  | {
      /** Such as `eu-west-2`. */
      readonly region: string;
      /**
       * Path of a PEM file, relative to `root`: the global bundle of RDS, `https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem`
       * (GovCloud and China have their own).
       */
      readonly bundle: string;
    };

/** `Amazon RDS eu-west-2 Root CA RSA2048 G1`: one root for each region and algorithm. */
const rootName = /^CN=Amazon RDS (\S+) Root CA .*$/m;

/** The roots as PEM. A server of the region has a certificate of one of them; which one can be changed at any time. */
export async function readCaRoots(root: string, ca: CaOption, onInput?: OnInput): Promise<string> {
  if ('pem' in ca) return ca.pem;
  const file = resolve(root, ca.bundle);
  onInput?.(file);
  const name = shown(root, file);
  const pem = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw caFailed(`ca: the bundle ${name} cannot be read`, cause);
  });
  const roots = new Map<string, string>();
  const regions = new Set<string>();
  for (const [block] of pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)) {
    const certificate = parse(block, name);
    const [subject, region] = rootName.exec(certificate.subject) ?? [];
    // Certificates between root and server come with the handshake.
    if (subject === undefined || region === undefined || certificate.subject !== certificate.issuer) continue;
    regions.add(region);
    if (region === ca.region) roots.set(`${subject} ${certificate.fingerprint256}`, certificate.toString());
  }
  if (roots.size > 0)
    return [...roots.keys()]
      .sort()
      .map((key) => roots.get(key))
      .join('');
  const has = regions.size > 0 ? `roots of ${[...regions].sort().join(', ')}` : 'no roots of RDS';
  throw caFailed(`ca: no root in ${name} is for the region "${ca.region}"; it has ${has}`);
}

function parse(block: string, name: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (cause) {
    throw caFailed(`ca: a certificate in ${name} cannot be read`, cause);
  }
}

function caFailed(message: string, cause?: unknown): BootstrapError {
  return new BootstrapError('BOOTSTRAP_BUILD_FAILED', message, {
    hint: 'Download the bundle of the region, https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem, or the global one; GovCloud and China have their own.',
    ...(cause === undefined ? {} : { cause }),
  });
}
