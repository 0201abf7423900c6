"""Ten cases in each format with one thing wrong: the error names the file and the record."""

import copy

import pytest
import small_cases

from grids import GridError, load_grid


def replaced(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


def refused(case, *expected, dyr=None):
    with pytest.raises(GridError) as error:
        load_grid(str(case), None if dyr is None else str(dyr), static=True)
    for part in expected:
        assert part in str(error.value)


RAW_MISTAKES = [
    ("100.0, 33, 0", "100.0, 30, 0", ":1:", "version 30"),
    ("0, 100.0, 33", "0, abc, 33", ":1:", "header"),
    ("3,'LOAD', 138.0", "3,'LOAD', 13x.0", ":6:", "BASKV is '13x.0'"),
    ("3,'LOAD'", "2,'LOAD'", ":6:", "bus 2 stands twice"),
    ("3,'1',1,1,1,90.0", "7,'1',1,1,1,90.0", ":8:", "no bus 7"),
    ("2,3,'1',0.01,0.10", "2,3,'1',0.01,0.0", ":16:", "reactance x is 0"),
    ("2,3,'1',0.01,0.10", "2,3,'1',0.01,-0.10", ":16:", "reactance x is -0.1"),
    ("138.0,3,1,1,1,1.02", "138.0,2,1,1,1,1.02", "case.raw", "no slack generator"),
    ("0 / END OF LOAD DATA, BEGIN FIXED SHUNT DATA\n", "", ":10:", "terminator (0) is missing"),
    ("1,2,'1',0.01", "1,1,'1',0.01", ":15:", "same bus"),
    ("2,'1',40.0", "1,'1',40.0", ":13:", "generator 1 '1' stands twice"),
    ("1,3,0,'1',1,1,1", "1,3,0,'1',4,1,1", ":18:", "CW must be"),
]


@pytest.mark.parametrize(("old", "new", "place", "message"), RAW_MISTAKES)
def test_raw(tmp_path, old, new, place, message):
    path = tmp_path / "case.raw"
    path.write_text(replaced(small_cases.RAW, old, new))
    refused(path, str(path), place, message)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.7, 0.9])
def test_raw_cut_short(tmp_path, share):
    path = tmp_path / "case.raw"
    path.write_text(small_cases.RAW[: int(share * len(small_cases.RAW))])
    refused(path, str(path))


def test_raw_with_a_dc_line_is_refused(tmp_path):
    path = tmp_path / "case.raw"
    path.write_text(replaced(small_cases.RAW, "0 / END OF AREA DATA\n", "0 / END OF AREA DATA\n1,1,8.2,100\n"))
    refused(path, ":24:", "two-terminal dc record 1 cannot be converted")


DYR_MISTAKES = [
    ("'GENROU' 1 8.0", "'GENROV' 1 8.0", ":2:", "ANDES has no such model"),
    ("2 'GENROU'", "3 'GENROU'", ":2:", "no such machine"),
    ("2 'GENROU'", "8 'GENROU'", ":2:", "no bus 8"),
    ("'GENROU' 1 8.0", "'GENROU' 5 8.0", ":2:", "GENROU at bus 2 '5'"),
    ("0.1 10.0 100.0", "0.1 10.0", ":4:", "5 parameters, expected 6"),
    ("0.1 10.0 100.0", "0.1 10.0 1OO.0", ":4:", "'1OO.0', not a number"),
    ("2 'SEXS' 1", "1 'GENCLS' 1 4.0 0.0 /\n2 'SEXS' 1", ":4:", "the machine has GENCLS already"),
    ("2 'TGOV1' 1", "two 'TGOV1' 1", ":5:", "expected BUS 'MODEL' ID"),
    ("0.3 1.0 0.0 /", "0.3 1.0 0.0", ":5:", "not ended by a slash"),
    ("2 'GENROU' 1 8.0 0.03 0.4 0.05 6.5 0.0 1.8 1.7 0.3 0.55 0.25 0.2\n   0.1 0.3 /\n", "", ":2:", "machine model"),
]


@pytest.mark.parametrize(("old", "new", "place", "message"), DYR_MISTAKES)
def test_dyr(tmp_path, old, new, place, message):
    case, dyr = tmp_path / "case.raw", tmp_path / "case.dyr"
    case.write_text(small_cases.RAW)
    dyr.write_text(replaced(small_cases.DYR, old, new))
    refused(case, f"{dyr}{place}", message, dyr=dyr)


MATPOWER_MISTAKES = [
    ("mpc.version = '2'", "mpc.version = '1'", "version is '1'"),
    ("mpc.baseMVA = 100", "mpc.baseMVA = 0", "baseMVA must be above 0"),
    ("2 2 0 0", "2 two 0 0", ":6: mpc.bus: column 2 is 'two'"),
    ("  3 1 90 30", "  2 1 90 30", ":7: bus 2 stands twice"),
    ("2 40 0 100", "9 40 0 100", ":11: generator at bus 9: there is no bus 9"),
    ("2 3 0.01 0.10", "2 3 0.01 0", ":15: branch 2-3: its reactance x is 0"),
    ("2 3 0.01 0.10", "2 3 0.01 -0.10", ":15: branch 2-3: its reactance x is -0.1"),
    ("1 3 0 0 0 0 1 1.02", "1 2 0 0 0 0 1 1.02", "no slack generator"),
    ("1 2 0.01 0.10 0.02 150 150 150 0 0 1 -360 360", "1 2 0.01 0.10", ":14: mpc.branch: a row of 4 columns"),
    ("];\nmpc.gen", "mpc.gen", "mpc.bus, begun in line 4, is not closed"),
    ("2 2 0 0 0 0 1 1.01 0 138", "2 2 0 0 0 0 1 1.01 0 -138", ":6: bus 2: a base voltage must be above 0"),
    (" 1.02 10 1 -360 360;\n];\n", " 1.02 10 1", "mpc.branch is not closed"),
]


@pytest.mark.parametrize(("old", "new", "message"), MATPOWER_MISTAKES)
def test_matpower(tmp_path, old, new, message):
    path = tmp_path / "case.m"
    path.write_text(replaced(small_cases.MATPOWER, old, new))
    refused(path, str(path), message)


def change(table, number, **values):
    def apply(tables):
        tables[table][number].update(values)

    return apply


def without(table, number, key):
    def apply(tables):
        del tables[table][number][key]

    return apply


def repeat(table):
    def apply(tables):
        tables[table].append(dict(tables[table][0]))

    return apply


def rename(table, new):
    def apply(tables):
        tables[new] = tables.pop(table)

    return apply


TABLE_MISTAKES = [
    (change("Line", 1, x="0.1 pu"), "Line", 1, "x is '0.1 pu', expected a number"),
    (change("Line", 1, bus2=9), "Line", 1, "there is no bus 9"),
    (change("Line", 1, x=0.0), "Line", 1, "reactance x is 0"),
    (change("Line", 1, x=-0.1), "Line", 1, "reactance x is -0.1"),
    (repeat("Bus"), "Bus", 3, "stands twice"),
    (repeat("GENCLS"), "GENCLS", 2, "stands twice"),
    (rename("Line", "Lines"), "Lines", None, "no model Lines; did you mean Line"),
    (without("PQ", 0, "bus"), "PQ", 0, "the parameter bus is missing"),
    (change("GENCLS", 1, gen=7), "GENCLS", 1, "gen names StaticGen 7"),
    (change("Slack", 0, u=0), None, None, "no slack generator in service"),
    (change("PV", 0, v0=11.0), "PV", 0, "a set voltage of 11 pu"),
    (change("Bus", 2, Vn=-138.0), "Bus", 2, "base voltage must be above 0"),
    (change("Line", 0, tapp=1.1), "Line", 0, "did you mean tap"),
]


@pytest.mark.parametrize(("mistake", "table", "number", "message"), TABLE_MISTAKES)
@pytest.mark.parametrize("suffix", [".json", ".xlsx"])
def test_andes_tables(tmp_path, suffix, mistake, table, number, message):
    tables = copy.deepcopy(small_cases.andes_tables())
    mistake(tables)
    path = tmp_path / f"case{suffix}"
    (small_cases.write_json if suffix == ".json" else small_cases.write_xlsx)(path, tables)
    if table is None:
        place = str(path)
    elif number is None:
        place = f"sheet '{table}'" if suffix == ".xlsx" else table
    else:
        place = f"sheet '{table}', row {number + 2}" if suffix == ".xlsx" else f"{table}[{number}]"
    refused(path, str(path), place, message)


@pytest.mark.parametrize("suffix", [".json", ".xlsx"])
def test_andes_file_cut_short(tmp_path, suffix):
    path = tmp_path / f"case{suffix}"
    (small_cases.write_json if suffix == ".json" else small_cases.write_xlsx)(path, small_cases.andes_tables())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, str(path), "cut short")


@pytest.mark.parametrize("text", ["[]", "{}", '{"Bus": 3}', "5", "\x00\x01"])
def test_json_that_is_no_case(tmp_path, text):
    path = tmp_path / "case.json"
    path.write_text(text)
    refused(path, str(path))


def cell(table, index, column, value):
    def apply(net):
        net[table][column] = net[table][column].astype(object)
        net[table].at[index, column] = value

    return apply


def drop(table):
    def apply(net):
        net[table] = net[table].iloc[:0]

    return apply


def static_var_compensator(net):
    import pandapower

    pandapower.create_svc(net, 2, 1.0, -10.0, 1.0, 90.0)


NET_MISTAKES = [
    (cell("line", 1, "to_bus", 9), "net.line, index 1", "there is no bus 9"),
    (cell("line", 1, "x_ohm_per_km", 0.0), "net.line, index 1", "x_ohm_per_km must not be 0"),
    (cell("line", 1, "x_ohm_per_km", -19.0), "net.line, index 1", "reactance x is -0.09"),
    (cell("line", 1, "r_ohm_per_km", float("nan")), "net.line, index 1", "r_ohm_per_km is None"),
    (cell("line", 1, "length_km", -1.0), "net.line, index 1", "length_km must not be -1"),
    (cell("bus", 1, "vn_kv", 0.0), "net.bus, index 1", "vn_kv must not be 0"),
    (cell("gen", 0, "vm_pu", 9.0), "net.gen, index 0", "a set voltage of 9 pu"),
    (cell("load", 0, "p_mw", "much"), "net.load, index 0", "p_mw is 'much'"),
    (cell("load", 0, "bus", 7), "net.load, index 0", "there is no bus 7"),
    (drop("ext_grid"), "net.json", "no slack generator"),
    (cell("trafo", 0, "vk_percent", 0.0), "net.trafo, index 0", "vk_percent must not be 0"),
    (static_var_compensator, "net.svc", "no counterpart"),
]


@pytest.mark.parametrize(("mistake", "place", "message"), NET_MISTAKES)
def test_pandapower(tmp_path, mistake, place, message):
    import pandapower

    net = small_cases.pandapower_net()
    mistake(net)
    path = tmp_path / "net.json"
    pandapower.to_json(net, str(path))
    refused(path, str(path), place, message)


def test_pandapower_cut_short(tmp_path):
    import pandapower

    path = tmp_path / "net.json"
    pandapower.to_json(small_cases.pandapower_net(), str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, str(path), "cut short")
