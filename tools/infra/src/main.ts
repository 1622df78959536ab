/* npm run infra -- <command>: checks and tools for infra/. */
console.error('There is no command yet.');
process.exitCode = 2;
