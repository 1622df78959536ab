import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { brokenCases, brokenFiles, healthyFiles, inFolder } from './broken-cases.ts';
import { checkInfra } from './check.ts';
import { describeFinding } from './finding.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const healthy = healthyFiles();
const cases = brokenCases();

describe('what a user would lose without the check of infra/', () => {
  it('nothing, where nothing is wrong', async () => {
    const { findings } = await inFolder(healthy, (folder) => checkInfra(folder));
    expect(findings.map(describeFinding)).toEqual([]);
  });

  it.each(cases)('$loss', async (broken) => {
    const { findings } = await inFolder(brokenFiles(healthy, broken), (folder) => checkInfra(folder));
    const lines = findings.map(({ file, line, rule, message }) => `${file}:${line} ${rule}: ${message}`);
    expect(lines).toContain(`infra/${broken.expected}`);
  });

  it('a rule that cannot say no: each has a case', () => {
    const rules = new Set<string>();
    for (const entry of readdirSync(new URL('.', import.meta.url))) {
      if (!entry.endsWith('.ts') || entry.endsWith('.test.ts')) continue;
      const text = readFileSync(new URL(entry, import.meta.url), 'utf8');
      const reports = text.matchAll(/(?:findings\.add|say|wrong|report|reportAlways)\(\s*'([a-z-]+)',/g);
      for (const [, rule = ''] of reports) rules.add(rule);
    }
    const tested = new Set(cases.map(({ expected }) => expected.split(' ')[1]?.replace(':', '')));
    expect(rules.size).toBeGreaterThan(30);
    expect([...rules].filter((rule) => !tested.has(rule))).toEqual([]);
  });
});

describe('infra/', () => {
  it('has no finding', async () => {
    const { modules, findings } = await checkInfra(root);
    expect(findings.map(describeFinding)).toEqual([]);
    expect(modules.length).toBeGreaterThan(0);
  });
});
