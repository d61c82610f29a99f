// `npm run docs`: makes the documentation site in site/dist; its generator is installed first, unless it is there. `--base /path/` is where the
// site will be served from.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { must, root } from './run.mjs'

const time = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

/** Makes the site. */
export async function docs(args = []) {
  const cwd = join(root, 'site')
  if (time(join(cwd, 'node_modules', '.package-lock.json')) < time(join(cwd, 'package-lock.json'))) {
    // What the packages would do when they are installed, the site does not need.
    const quiet = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
    await must('npm', ['install', ...quiet], { cwd })
  }
  await must(process.execPath, ['build.mjs', ...args], { cwd })
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await docs(process.argv.slice(2))
