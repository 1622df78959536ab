import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dial } from './host-client.ts';

it('finds nobody below a TMPDIR that is a file, so that making the folder can say what is wrong', async () => {
  expect(await dial(join(import.meta.filename, 'control.sock'))).toBeUndefined();
});
