import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-flags-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)
const file = (name: string, content: string) => {
  writeFileSync(path(name), content)
  return path(name)
}
const day = (at: number) => new Date(Date.UTC(2024, 0, 1 + at)).toISOString().slice(0, 10)

describe('messages name flags with their values', () => {
  const sales = Array.from({ length: 80 }, (_, at) => `${day(at)},${at === 9 ? '' : 100 + (at % 7)},${at % 2}`)
  const head = 'date,sales,promo'
  const holes = file('holes.csv', [head, ...sales.filter((_, at) => at !== 20)].join('\n'))
  const train = (...more: string[]) => {
    const flags = ['--column', 'sales', '--epochs', '1', '--units', '2']
    return seqloom(['train', 'forecast', '--data', holes, ...flags, '--out', path('shop'), ...more])
  }

  it('for empty cells of a forecast', async () => {
    expect((await train()).stderr).toMatch(/line 11: .*sales must be .*; --fill linear, last or mask takes missing/)
    const skipped = await train('--time', 'date')
    expect(skipped.stderr).toMatch(/are missing|is missing/)
    expect(skipped.stderr).toMatch(/give --fill linear, last or mask/)
    expect((await train('--fill', 'linear')).code).toBe(0)
  })

  it('for the covariates of steps to come, and for groups', async () => {
    const trained = await train('--time', 'date', '--fill', 'linear', '--covariates', 'promo', '--force')
    expect(trained.code, trained.stderr).toBe(0)
    const refused = await seqloom(['predict', '--model', path('shop')])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/: --known needs rows with promo/) })
    expect((await train('--group', 'promo', '--force')).stderr).toMatch(/: --group needs --time,/)
  })

  it('for truth values', async () => {
    const rows = Array.from({ length: 40 }, (_, at) => `text ${at},${at % 2 ? 'a' : 'b'}`)
    const data = file('few.csv', ['text,label', ...rows].join('\n'))
    const flags = ['--epochs', '1', '--units', '2', '--validation-split', '0.1', '--out', path('few')]
    const { stderr } = await seqloom(['train', 'classify', '--data', data, ...flags])
    expect(stderr).toMatch(
      /too small to tell epochs apart \(4 different rows, 20 are needed\).*; give more, or --restore-best$/m,
    )
  })
})

describe('help', () => {
  it('tells a sentence to its end, beyond "et al."', async () => {
    const { stdout } = await seqloom(['train', 'translate', '--help'])
    expect(stdout.replace(/\s+/g, ' ')).toContain('Bengio et al. 2015, arXiv 1506.03099); default: 0')
  })

  it('says what else than factors weighs labels', async () => {
    const { stdout } = await seqloom(['train', 'classify', '--help'])
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/--class-weight <label=factor...> [^-]*'balanced'/)
  })
})

it('--plot refuses the name of a picture that is no SVG, before it trains', async () => {
  const data = file('mails.csv', 'text,label\ngood,a\nbad,b\n')
  const ran = await seqloom(['train', 'classify', '--data', data, '--out', path('never'), '--plot', path('curves.png')])
  expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/ERR_OPTION: .*drawn as SVG.*\.svg, not \.png/) })
  expect(ran.stderr).not.toMatch(/epoch/)
})
