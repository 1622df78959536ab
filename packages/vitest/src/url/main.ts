#!/usr/bin/env node
import { runUrlCommand } from './url-command.ts';

process.exitCode = await runUrlCommand({
  args: process.argv.slice(2),
  cwd: process.cwd(),
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
});
