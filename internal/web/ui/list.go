package ui

import (
	"fmt"
	"html/template"
)

// Filter is a form that narrows a list to one choice.
type Filter struct {
	Action      string // the address of the list
	Name        string // of the parameter
	Label       Words
	Everything  Words // the choice that does not narrow
	Choices     []Choice
	ButtonLabel Words
}

// Choice is one value of a filter.
type Choice struct {
	Value  string
	Label  Words
	Chosen bool
}

// Pagination leads to the other pages of a list, the newest first.
type Pagination struct {
	Newest string // the address of the first page, or "" on it
	Older  string // the address of the next page, or ""
}

// Table is rows of the same facts. On a narrow screen each row becomes a block, in which the column's heading stands before its cell.
type Table struct {
	Caption Words
	Columns []Words
	Rows    [][]any // cells, as arguments of a text: a string, Name, Code, Moment or Words
}

// cells are a row's cells with the headings of their columns. In a template: {{cells .Table .Row}}.
func (s speaker) cells(t Table, row []any) ([]Cell, error) {
	if len(row) != len(t.Columns) {
		return nil, fmt.Errorf("a row has %d cells, and the table %d columns", len(row), len(t.Columns))
	}
	cells := make([]Cell, len(row))
	for i, value := range row {
		html, err := s.show(value)
		if err != nil {
			return nil, err
		}
		cells[i] = Cell{t.Columns[i], template.HTML(html)} //nolint:gosec // show escapes
	}
	return cells, nil
}

// Cell is one cell of a table.
type Cell struct {
	Column Words
	HTML   template.HTML
}
