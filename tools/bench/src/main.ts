import { artefact } from './artefact.ts';

/** `npm run bench -- <command> [--json]` */
const commands: Readonly<Record<string, (options: { json: boolean }) => Promise<void>>> = { artefact };

const [name = '', ...rest] = process.argv.slice(2);
const unknown = rest.filter((argument) => argument !== '--json');
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined || unknown.length > 0) {
  console.error(`Usage: npm run bench -- <command> [--json]\nCommands: ${Object.keys(commands).join(', ')}`);
  process.exitCode = 2;
} else {
  await command({ json: rest.includes('--json') });
}
