// `npm run test:package`: builds what is not built as it is published, packs it, installs the packages in an empty folder without cargo or network, uses them,
// and ends with `N passed, N failed`.
import { setup } from './setup.mjs'
import { finish, runVitest } from './vitest.mjs'

await setup({ release: true })
finish(await runVitest(['--config', 'test/package/vitest.config.ts', ...process.argv.slice(2)]))
