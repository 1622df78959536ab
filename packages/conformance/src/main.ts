import { fileURLToPath } from 'node:url';
import { parseCLI, startVitest } from 'vitest/node';
import { endpointSettings } from './endpoint-variables.ts';

// `npm run conformance`: the suite against the endpoint that the environment names. What follows `--` goes to vitest,
// for example `-t "line feed"` or `--reporter=junit --outputFile=conformance.xml`.

const { problems = [] } = endpointSettings(process.env);
if (problems.length > 0) {
  const lines = problems.map((problem) => `- ${problem}.\n`).join('');
  process.stderr.write(
    `No endpoint to run against. It is told by environment variables:\n${lines}` +
      'See packages/conformance/README.md. On the simulator the suite runs with the other tests (`npm test`).\n',
  );
  process.exitCode = 2;
} else {
  const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
  const root = fileURLToPath(new URL('..', import.meta.url));
  const vitest = await startVitest('test', [...filter], {
    ...options,
    root,
    config: 'vitest.endpoint.config.ts',
    run: true,
    watch: false,
  });
  await vitest.close();
}
