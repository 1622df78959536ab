#!/usr/bin/env node
import { runFunctions } from './run-functions.ts';

process.exitCode = await runFunctions({
  args: process.argv.slice(2),
  cwd: process.cwd(),
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
});
