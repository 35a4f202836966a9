"""How a report looks, and the two scripts of our own in it: drawing charts, sorting tables.

Plain text that is written into every file; the page's policy names each script by its hash.
"""

# Charts take the colours of the page, which follow the reader's system.
DRAW = """
for (const place of document.querySelectorAll('[data-chart]')) {
  const figure = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const look = getComputedStyle(document.body);
  const line = look.getPropertyValue('--line');
  const axis = {gridcolor: line, zerolinecolor: line, automargin: true};
  const base = {
    paper_bgcolor: 'transparent', plot_bgcolor: 'transparent', autosize: true,
    font: {family: look.fontFamily, size: 12, color: look.color},
    margin: {l: 56, r: 16, t: 28, b: 36}, hovermode: 'closest', bargap: 0.25,
    xaxis: {}, yaxis: {},
    legend: {orientation: 'h', y: 1.02, yanchor: 'bottom', x: 0},
  };
  const layout = Object.assign(base, figure.layout);
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis/.test(name)) layout[name] = Object.assign({}, axis, layout[name]);
  }
  Plotly.newPlot(place, figure.data, layout, {responsive: true, displayModeBar: false});
}
"""

# What is no number stays last either way, and rows that are equal keep their order.
SORT = """
for (const box of document.querySelectorAll('.sortable')) {
  const body = box.querySelector('tbody'), rows = [...body.rows];
  const filter = document.createElement('input');
  filter.type = 'search';
  filter.placeholder = 'only rows with ...';
  filter.setAttribute('aria-label', 'only rows with these words');
  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(' ');
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  if (rows.length > 10) box.before(filter);  // a few are seen at once
  const value = (row, column, numeric) => {
    const text = row.cells[column].textContent;
    return numeric ? parseFloat(text.replace(/,/g, '')) : text;
  };
  const heads = [...box.querySelectorAll('th')];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const numeric = head.classList.contains('number');
      const before = head.getAttribute('aria-sort');
      const first = numeric ? 'descending' : 'ascending';
      const second = numeric ? 'ascending' : 'descending';
      const order = before === first ? second : first;
      const sign = order === 'ascending' ? 1 : -1;
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', order);
      const none = (one) => numeric && Number.isNaN(one);
      const keyed = rows.map((row) => [value(row, column, numeric), row]);
      keyed.sort(([a], [b]) => {
        if (none(a) || none(b)) return none(a) - none(b);
        return sign * (a < b ? -1 : a > b ? 1 : 0);
      });
      body.append(...keyed.map(([, row]) => row));
    });
  });
}
"""

STYLE = """
:root { color-scheme: light dark; --ground: #f4f5f8; --card: #fff; --line: #e3e6ec;
  --text: #151a22; --quiet: #667085; --up: #07794b; --down: #c02f2c; --marked: #e8effc; }
@media (prefers-color-scheme: dark) { :root { --ground: #0c1016; --card: #141a22; --line: #2a3442;
  --text: #e6eaf0; --quiet: #8b97a8; --up: #3fd68f; --down: #ff7b72; --marked: #1d2c48; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 16px 48px; background: var(--ground);
  color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 0 0 10px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px; margin-top: 16px; overflow-x: auto; }
p { margin: 0 0 10px; color: var(--quiet); max-width: 80ch; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 8px; }
th, td { padding: 4px 12px 4px 0; text-align: left; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--quiet); font-weight: 500; } td.number, th.number { text-align: right; }
.up { color: var(--up); } .down { color: var(--down); } .marked td { background: var(--marked); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px;
  margin: 0 0 10px; } dt { color: var(--quiet); }
dl.findings { grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 12px 24px; }
dl.findings p { margin: 2px 0 0; font-size: 13px; }
dd { margin: 0; font-size: 17px; overflow-wrap: anywhere; }
details { margin-top: 8px; } summary { cursor: pointer; color: var(--quiet); }
.sortable { max-height: 75vh; overflow: auto; }
.sortable table { border-collapse: separate; border-spacing: 0; }
.sortable th { position: sticky; top: 0; z-index: 2; background: var(--card); }
.sortable td:first-child, .sortable th:first-child { position: sticky; left: 0;
  background: var(--card); } .sortable th:first-child { z-index: 3; }
.sortable .marked td, .sortable .marked td:first-child { background: var(--marked); }
.sortable button { all: unset; cursor: pointer; }
.sortable button:focus-visible { outline: 2px solid var(--text); }
[aria-sort=ascending] button::after { content: ' \\25b4'; }
[aria-sort=descending] button::after { content: ' \\25be'; }
input[type=search] { font: inherit; padding: 4px 8px; margin-bottom: 8px; width: 220px;
  max-width: 100%; color: inherit; background: var(--ground); border: 1px solid var(--line);
  border-radius: 6px; }
"""
