import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCommand } from '@postern/connect/functions';
import type { Job, Step } from './read-workflow.ts';

/**
 * What is wrong with the commands of a step: they are one of the few that this repository has, with arguments that these take, and every
 * variable is in the step's `env`.
 */
export function commandProblems(root: string, job: Job, step: Step): string[] {
  const run = step.run ?? '';
  if (run.includes('${{'))
    return [
      'run has an expression: its value would become part of the script. Put it into env, and quote the variable',
    ];
  const known = Object.keys(step.env ?? {});
  const used = [...run.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name as string);
  const unknown = used.filter((name) => !known.includes(name));
  if (unknown.length > 0) return [`run uses ${unknown.join(', ')}, which is not in env`];
  if (/(?<!")\$\w/.test(run.replaceAll(/"[^"]*"/g, ''))) return ['run has a variable without quotes'];
  return run
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .flatMap((line) => lineProblem(root, job, step, line) ?? []);
}

function lineProblem(root: string, job: Job, step: Step, line: string): string | undefined {
  // NAME=value in front is the command's environment; ${NAME:+words} are words that may be left out.
  const command = line.replace(/^(?:[A-Z_]+=\S* )+/, '').replaceAll(/\$\{\w+:\+([^}]*)\}/g, '$1');
  const [first, second, third, ...rest] = command.split(/ +/).map((word) => word.replaceAll('"', ''));
  if (/^npm ci(?: --ignore-scripts)?$/.test(command)) return undefined;
  if (first === 'npm' && second === 'run' && third !== undefined) {
    const [dashes, name, ...argv] = rest;
    if (scriptsOf(root)[third] === undefined) return `npm run ${third}: package.json has no such script`;
    if (third !== 'infra' || dashes !== '--' || name !== 'functions') return `unknown: ${line}`;
    try {
      parseCommand(argv.map((word) => word.replace(/^\$.*/, 'value')));
    } catch (error) {
      return `${line}: ${(error as Error).message}`;
    }
    return undefined;
  }
  if (first === 'npx' && second === 'nx' && third === 'run') return targetProblem(root, job, step, rest);
  return `unknown: ${line}`;
}

function targetProblem(root: string, job: Job, step: Step, [target = '']: string[]): string | undefined {
  const [project = '', name] = target.split(':');
  if (name !== 'integration') return `${target}: only the target integration is known here`;
  const variable = /^\$(\w+)$/.exec(project)?.[1];
  const key = /^\$\{\{ matrix\.(\w+) \}\}$/.exec(step.env?.[variable ?? ''] ?? '')?.[1];
  const projects = variable === undefined ? [project] : (job.strategy?.matrix?.[key ?? ''] ?? []);
  if (projects.length === 0) return `${target}: ${project} is nothing of the matrix`;
  // What @postern/nx makes the target of.
  const missing = projects.filter(
    (one) => !existsSync(join(root, 'apps', one, 'vitest.integration.config.ts')),
  );
  return missing.length === 0 ? undefined : `${missing.join(', ')} has no target integration`;
}

function scriptsOf(root: string): Readonly<Record<string, string>> {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
    .scripts;
}
