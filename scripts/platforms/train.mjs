// The training program on one runtime: the packages as they would be installed, a small model trained, saved and loaded again.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from '../pack.mjs'
import { must, root } from '../run.mjs'

/** Packs the addons of a folder and runs the pack test's training programs with a command that stands for `node`; ends this process if one fails. */
export async function trainOn(runtime, command, addons) {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-runtime-'))
  try {
    cpSync(join(root, 'test/package/programs'), folder, { recursive: true })
    const modules = join(folder, 'node_modules')
    for (const { name, path } of await pack({ addons, out: join(folder, 'tarballs') })) {
      await must('mkdir', ['-p', join(modules, name)])
      await must('tar', ['-xzf', path, '-C', join(modules, name), '--strip-components=1'])
    }
    // What the package depends on is the same on every platform: the files that are installed here.
    const { output } = await must('npm', ['ls', '--omit=dev', '--all', '--parseable'], { capture: 'quiet' })
    for (const path of output.trim().split('\n').slice(1)) {
      cpSync(path, join(folder, path.slice(root.length)), { recursive: true })
    }
    for (const program of ['train.mjs', 'train.cjs', 'workers.mjs']) {
      console.log(`${runtime}: ${program}`)
      await must(command[0], [...command.slice(1), program], { cwd: folder })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
