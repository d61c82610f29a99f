const required = require('seqloom')

import('seqloom').then((imported) => {
  const differing = Object.keys(required).filter((name) => required[name] !== imported[name])
  const missing = Object.keys(required).filter((name) => !(name in imported))
  console.log(JSON.stringify({ differing, missing, names: Object.keys(imported).length }))
})
