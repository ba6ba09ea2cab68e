// Ships as an HTML table.
const escaped = (text) => String(text).replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

export function table(ships) {
  const rows = ships.map((ship) => `<tr><td>${escaped(ship.name)}</td><td>${escaped(ship.length)} m</td></tr>`);
  return `<table><tr><th>Ship</th><th>Length</th></tr>${rows.join("")}</table>`;
}
