import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { moduleFolders } from '../checks/check.ts';
import { Findings } from '../checks/finding.ts';
import { loadModule } from '../checks/module.ts';
import { readmeOf, withTables } from './tables.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const readmes = moduleFolders(root, 'infra').map((dir) => readmeOf(loadModule(root, dir, new Findings())));

describe('a reader of a README, who has no other list of inputs and outputs', () => {
  it.each(readmes)('finds what $path takes and gives as it is (npm run infra -- docs --write)', (readme) => {
    expect(readme.missing).toEqual([]);
    expect(readme.before).toBe(readme.after);
  });

  it('can read an object in one line, and sees what must be given first', () => {
    const fixtures = fileURLToPath(new URL('../checks/fixtures', import.meta.url));
    const module = loadModule(fixtures, 'healthy/modules/store', new Findings());
    const { after, missing } = withTables(module, '# Store\n\n<!-- inputs -->\nold\n<!-- /inputs -->\n');
    expect(missing).toEqual(['outputs']);
    expect(after.split('\n').slice(2, -1)).toEqual([
      '<!-- inputs -->',
      '',
      '| name | type | default | what |',
      '| --- | --- | --- | --- |',
      '| `name` | `string` | required | Prefix of all names. |',
      '| `subnets` | `map(string)` | required | Availability zone by name of subnet. |',
      '| `tags` | `map(string)` | `{}` | Tags of every resource. |',
      '| `capacity` | `object({ min = optional(number, 0), max = number })` | `{ max = 4 }` | Aurora capacity units. |',
      "| `key_arn` | `string` | `null` | A key of one's own. null: the key of AWS. |",
      '',
      '<!-- /inputs -->',
    ]);
  });
});
