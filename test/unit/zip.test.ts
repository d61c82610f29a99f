import { unzipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { Source } from '../../src/interop/format.js'
import { zipped } from '../../src/interop/writtenZip.js'
import { contentsOf, directoryOf } from '../../src/interop/zip.js'

const contents: Record<string, readonly Uint8Array[]> = {
  'a/data.pkl': [Buffer.from('first')],
  'a/ä': [Buffer.from('in several '), new Uint8Array(0), Buffer.alloc(300, 'parts ')],
  'a/empty': [],
  'a/last': [Buffer.alloc(90, 7)],
}

async function archive(options?: Parameters<typeof zipped>[1]): Promise<Buffer> {
  const files = Object.entries(contents).map(([name, parts]) => ({ name, parts: () => parts }))
  const written: Uint8Array[] = []
  for await (const part of zipped(files, options)) written.push(part)
  return Buffer.concat(written)
}

describe('an archive', () => {
  // With a small limit every size, place and number takes the form that files above 4 GB need.
  it.each([
    ['a small one', {}],
    ['one of large files', { most: 64 }],
    ['one whose contents are aligned', { alignment: 64 }],
    ['one of large files whose contents are aligned', { alignment: 64, most: 64 }],
    ['one with nothing but numbers of 64 bits', { most: 0 }],
  ])('is read as it was written: %s', async (_, options) => {
    const bytes = await archive(options)
    const source = await Source.open('the archive', bytes)
    const members = await directoryOf(source)
    expect([...members.keys()]).toEqual(Object.keys(contents))
    for (const [name, member] of members) {
      const start = await contentsOf(source, member)
      const parts = Buffer.concat(contents[name] ?? [])
      expect(Buffer.from(await source.read(start, member.size))).toEqual(parts)
      if ('alignment' in options) expect(start % 64).toBe(0)
    }
  })

  it('is one that others read, and the same whenever it is written', async () => {
    const bytes = await archive({ alignment: 64 })
    const read = unzipSync(bytes)
    expect(Object.fromEntries(Object.entries(read).map(([name, file]) => [name, Buffer.from(file)]))).toEqual(
      Object.fromEntries(Object.entries(contents).map(([name, parts]) => [name, Buffer.concat(parts)])),
    )
    expect(await archive({ alignment: 64 })).toEqual(bytes)
  })
})
