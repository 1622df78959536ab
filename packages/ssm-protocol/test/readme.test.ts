import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('the example of the README runs, and its comments are true', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'ssm-protocol-readme-'));
  try {
    symlinkSync(
      fileURLToPath(new URL('../../../node_modules', import.meta.url)),
      join(folder, 'node_modules'),
    );
    const script = join(folder, 'quickstart.mjs');
    writeFileSync(script, `${code}\nconsole.log(streamId, message.sequenceNumber, message.payload.length);`);
    const output = execFileSync(process.execPath, ['--conditions=@postern/source', script], {
      encoding: 'utf8',
      env: {},
    });
    // SYN, the header of the data, and the data.
    expect(output.trim()).toBe(`3 0 ${8 + 8 + 5}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
