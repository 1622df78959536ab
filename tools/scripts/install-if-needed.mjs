// Runs before `npm start`, possibly on an old Node: plain JavaScript, no dependency.
// Installs when what is installed is not what package-lock.json says; says nothing otherwise.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The reason to install, or undefined when node_modules matches the lock file. */
function difference() {
  const installedFile = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installedFile)) return 'nothing is installed yet';
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) continue;
    const found = installed[path];
    if (found === undefined) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return `${path} is missing`;
    }
    if (
      found.version !== entry.version ||
      found.integrity !== entry.integrity ||
      found.resolved !== entry.resolved
    )
      return `${path} changed`;
  }
  for (const path of Object.keys(installed))
    if (wanted[path] === undefined) return `${path} is not wanted any more`;
  return undefined;
}

const reason = difference();
if (reason !== undefined) {
  console.log(`Installing dependencies (${reason}) …`);
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) {
    console.error('The dependencies could not be installed. Run "npm ci" to see why, then try again.');
    process.exit(result.status ?? 1);
  }
}
