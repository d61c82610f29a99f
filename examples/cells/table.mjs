// Results of examples/cells.mjs as tables in Markdown.

export const percent = (value) => `${(100 * value).toFixed(1)} %`

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length

const markdown = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/**
 * The tables by name: all tasks at a glance (the mean of the seeds, the best in bold), and each task with the range of the seeds and what it
 * took. What is not there yet is a dash.
 */
export function tables({ kinds, names, seeds, result }) {
  const found = (name, what) => seeds.map((seed) => result(name, what, seed)).filter((each) => each !== undefined)
  const right = (name, what) => {
    const all = found(name, what)
    return all.length === 0 ? '–' : percent(mean(all.map((each) => each.right)))
  }
  const best = kinds.map((what) => {
    const shares = names.map((name) => Number.parseFloat(right(name, what))).filter((share) => share >= 0)
    return percent(Math.max(...shares) / 100)
  })
  const marked = (share, at) => (share === best[at] ? `**${share}**` : share)
  const glance = markdown(
    ['cell', ...kinds],
    names.map((name) => [name, ...kinds.map((what, at) => marked(right(name, what), at))]),
  )
  const row = (name, what) => {
    const all = found(name, what)
    if (all.length === 0) return [name, ...Array(7).fill('–')]
    const shares = all.map((each) => each.right)
    const exploded = all.filter((each) => each.exploded).length
    const time = result(name, what, 'time')
    return [
      name,
      right(name, what),
      `${percent(Math.min(...shares))} to ${percent(Math.max(...shares))}`,
      `${all.length}${exploded > 0 ? `, ${exploded} exploded` : ''}`,
      time?.milliseconds === undefined ? '–' : `${time.milliseconds.toFixed(1)} ms`,
      Math.round(mean(all.map(({ steps }) => steps))),
      all[0].weights,
      `${Math.max(...all.map(({ megabytes }) => megabytes)).toFixed(0)} MB`,
    ]
  }
  const head = ['cell', 'right', 'of the seeds', 'seeds', 'a step', 'steps', 'weights', 'memory']
  const each = kinds.map((what) => [
    what,
    markdown(
      head,
      names.map((name) => row(name, what)),
    ),
  ])
  return [['glance', glance], ...each]
}

/** A document with the tables between their marks; without a document, one of tables only. */
export function written(drawn, document) {
  if (document === undefined) return `${drawn.map(([name, table]) => `${name}\n\n${table}`).join('\n\n')}\n`
  return drawn.reduce((text, [name, table]) => {
    const start = `<!-- table ${name} -->\n`
    const from = text.indexOf(start)
    const to = text.indexOf('<!-- end -->', from)
    if (from < 0 || to < 0)
      throw new Error(`The document has no place for the table ${name}: ${start.trim()} … <!-- end -->`)
    return `${text.slice(0, from)}${start}\n${table}\n\n${text.slice(to)}`
  }, document)
}
