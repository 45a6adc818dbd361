document.addEventListener("click", (event) => {
  const button = event.target.closest("th > button");
  if (!button) return;
  const head = button.parentElement, body = head.closest("table").tBodies[0], column = head.cellIndex;
  const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && head.classList.contains("num"));
  const key = (row) => { const cell = row.cells[column]; return cell.dataset.order ?? cell.textContent.trim(); };
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)], [p, q] = [parseFloat(x), parseFloat(y)];
    if (head.classList.contains("num")) return isNaN(p) || isNaN(q) ? isNaN(p) - isNaN(q) : (down ? q - p : p - q);
    return (down ? -1 : 1) * x.localeCompare(y, undefined, { numeric: true });
  });
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows);
});
