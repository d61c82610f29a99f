import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fileBeside } from '../../src/interop/beside.js'

const outer = realpathSync(mkdtempSync(join(tmpdir(), 'seqloom-beside-')))
afterAll(() => rmSync(outer, { recursive: true }))
const folder = join(outer, 'model')
mkdirSync(join(folder, 'parts'), { recursive: true })
mkdirSync(join(outer, 'model2'))
mkdirSync(join(outer, 'snapshot'))
const files = [
  join(folder, 'model.json'),
  join(outer, 'secret.bin'),
  join(outer, 'model2', 'a.bin'),
  join(folder, 'a.bin'),
  join(folder, 'parts', 'b.bin'),
  join(folder, '..c.bin'),
]
for (const file of files) writeFileSync(file, 'x')
symlinkSync(join(folder, 'a.bin'), join(folder, 'inside.bin'))
symlinkSync(join(outer, 'secret.bin'), join(folder, 'outside.bin'))
symlinkSync(outer, join(folder, 'up'))
symlinkSync(join(outer, 'nothing'), join(folder, 'broken.bin'))
symlinkSync(folder, join(outer, 'link'))
symlinkSync(join(folder, 'model.json'), join(outer, 'snapshot', 'model.json'))
symlinkSync(join(folder, 'parts', 'b.bin'), join(outer, 'snapshot', 'b.bin'))
symlinkSync(join(outer, 'secret.bin'), join(outer, 'snapshot', 'outside.bin'))

const found = (name: string, from = folder) => fileBeside("'model.json'", join(from, 'model.json'), name)

describe('a file that another one names', () => {
  it('may be in its folder or below it, also by a link that stays there', async () => {
    expect(await found('a.bin')).toBe(join(folder, 'a.bin'))
    expect(await found('./parts//b.bin')).toBe(join(folder, 'parts', 'b.bin'))
    expect(await found('..c.bin')).toBe(join(folder, '..c.bin'))
    expect(await found('inside.bin')).toBe(join(folder, 'a.bin'))
    expect(await found('a.bin', join(outer, 'link'))).toBe(join(folder, 'a.bin'))
  })

  it('may be where the naming file really is, if that is a link, and not elsewhere', async () => {
    const snapshot = join(outer, 'snapshot')
    expect(await found('b.bin', snapshot)).toBe(join(folder, 'parts', 'b.bin'))
    await expect(found('outside.bin', snapshot)).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })

  it.each([
    ...['../secret.bin', 'parts/../../secret.bin', 'parts/../a.bin', '..', '.', './', ''],
    ...[join(outer, 'secret.bin'), join(folder, 'a.bin'), '/etc/passwd', '../model2/a.bin'],
    ...['outside.bin', 'up/secret.bin', 'up/model2/a.bin', 'up/model/../secret.bin'],
    ...['..\\secret.bin', 'parts\\b.bin', '\\\\server\\a.bin', 'C:\\a.bin', 'C:a.bin', 'file:///etc/passwd', 'a.bin\0'],
  ])('may not be %j', async (name) => {
    await expect(found(name)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringMatching(/^'model\.json' names the file '.*', which must be in its folder or below it$/),
    })
  })

  it('must be there', async () => {
    for (const name of ['gone.bin', 'gone/a.bin', 'broken.bin', 'a.bin/b']) {
      await expect(found(name), name).rejects.toMatchObject({ code: 'ERR_IO' })
    }
  })
})
