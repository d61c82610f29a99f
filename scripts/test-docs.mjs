// `npm run test:docs`: makes the documentation site and tests its pages; ends with `N passed, N failed`.
import { docs } from './docs.mjs'
import { finish, runVitest } from './vitest.mjs'

await docs()
finish(await runVitest(['--config', 'test/site/vitest.config.ts', ...process.argv.slice(2)]))
