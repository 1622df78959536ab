import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Tool {
  readonly name: string;
  /** What to do when it is missing. */
  readonly install: string;
}

export const TOOLS: readonly Tool[] = [
  {
    name: 'aws',
    install:
      'Debian, Ubuntu: apt-get install awscli · macOS: brew install awscli · anywhere: pipx install awscli',
  },
  {
    name: 'psql',
    install: 'Debian, Ubuntu: apt-get install postgresql-client · macOS: brew install libpq',
  },
  {
    name: 'terraform',
    install:
      'version 1.11 or newer, without providers: https://developer.hashicorp.com/terraform/install · macOS: brew install hashicorp/tap/terraform',
  },
];

/** The tools that are not on PATH. */
export function missingTools(tools: readonly Tool[], path: string): Tool[] {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return tools.filter(({ name }) => !folders.some((folder) => isExecutable(join(folder, name))));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
