/*
 * node tools/scripts/run.mjs tools/infra/src/terraform.ts FOLDER COMMAND [ARGUMENTS]: Terraform with the stand-in as its
 * provider. The exit code is Terraform's; 2: not started.
 */
import { COMMANDS, runTerraform } from './provider/run-terraform.ts';
import { readSchema } from './schema/schema.ts';

async function main([directory, ...args]: readonly string[]): Promise<number> {
  const command = args[0];
  if (directory === undefined || command === undefined) {
    console.error('Usage: terraform.ts FOLDER COMMAND [ARGUMENTS]');
    return 2;
  }
  if (!COMMANDS.includes(command)) {
    console.error(`${command} is none of ${COMMANDS.join(', ')}: the stand-in makes nothing on AWS.`);
    return 2;
  }
  try {
    return (await runTerraform({ directory, args, schema: readSchema(), stdio: 'inherit' })).code;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    console.error(
      `${(error as Error).message}\nTerraform 1.11 or newer has to be on PATH, and the folder there.`,
    );
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
