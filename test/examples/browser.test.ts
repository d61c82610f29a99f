import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const browser = process.env.CHROMIUM ?? 'chromium'
const isThere = spawnSync(browser, ['--version']).status === 0

it.skipIf(!isThere)(
  'examples/browser.mjs: a page finds what the classifier finds',
  () => {
    const program = fileURLToPath(new URL('../../examples/browser.mjs', import.meta.url))
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--check'], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(Number(/differ by at most (\S+)/.exec(stdout)?.[1])).toBeLessThan(1e-5)
  },
  120_000,
)
