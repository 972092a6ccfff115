//! Tables of costs from files, and what is written of them.

use std::path::PathBuf;

use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use super::{CostStudy, read_costs, write_study};
use crate::measure::costs::{By, Costs, cheapest, crossings_of_pairs, succession};
use crate::plot::{cost_curves, decision_map};

/// A folder of its own, which vanishes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rapsim-{}-costs-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn read(&self, text: &str) -> Result<Costs, String> {
        let path = self.0.join("pairs.csv");
        std::fs::write(&path, text).unwrap();
        read_costs(&path).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "pairs.csv"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const HEADER: &str = "method,items,authors,updates,differences,link,seed,bytes,time_s,rounds,failed,wrong\n";

#[test]
fn columns_may_stand_in_any_order_and_what_went_astray_has_no_cost() {
    let folder = Folder::new("read");
    let rows = "a,100,10,0.5,1,slow,1,200,0.5,3,0,0\na,100,10,0.5,1,slow,2,400,1.5,3,0,0\n\
                b,100,10,0.5,1,slow,1,10,,3,0,0\nb,100,10,0.5,1,slow,2,20,,3,0,0\n\
                c,100,10,0.5,1,slow,1,1,1,1,0,1\nc,100,10,0.5,1,slow,2,1,1,1,0,0\n";
    let costs = folder.read(&format!("{HEADER}{rows}")).unwrap();
    let point = costs.points().next().unwrap().clone();
    let mean = |method, by| costs.mean(&point, method, by);
    assert_eq!((mean("a", By::Bytes), mean("a", By::Time), mean("b", By::Bytes)), (300.0, 1.0, 15.0));
    assert!(mean("b", By::Time).is_nan(), "an empty field is no cost");
    assert!(mean("c", By::Bytes).is_nan(), "one of its trials went wrong");
    let bare = folder.read("items,authors,updates,differences,method,bytes\n100,10,0,1,a,5\n").unwrap();
    assert_eq!(bare.views(), [(By::Bytes, "")]);
}

#[test]
fn a_bad_table_is_told_by_line_column_and_mend() {
    let folder = Folder::new("bad");
    let said = |text: &str| folder.read(text).unwrap_err();
    let row = |row: &str| said(&format!("{HEADER}a,100,10,0.5,1,slow,1,200,0.5,3,0,0\n{row}\n"));
    assert_eq!(
        row("b,100,many,0.5,1,slow,1,200,0.5,3,0,0"),
        "pairs.csv:3: column 3, `authors`: \"many\" will not do; give a whole number of authors, such as 10"
    );
    for (line, words) in [
        ("b,-1,10,0.5,1,slow,1,200,0.5,3,0,0", "column 2, `items`: \"-1\""),
        ("b,100,10,50,1,slow,1,200,0.5,3,0,0", "column 4, `updates`: \"50\" will not do; give a share from 0 to 1"),
        ("b,100,10,0.5,1,slow,1,0,0.5,3,0,0", "column 8, `bytes`: \"0\" will not do; give a number above zero"),
        ("b,100,10,0.5,1,slow,1,200,inf,3,0,0", "column 9, `time_s`: \"inf\""),
        ("b,100,10,0.5,1,slow,,200,0.5,3,0,0", "column 7, `seed`: \"\""),
        ("b,100,10,0.5,1,slow,1,200,0.5,3,x,0", "column 11, `failed`: \"x\""),
        (",100,10,0.5,1,slow,1,200,0.5,3,0,0", "column 1, `method`: \"\""),
        ("b,100,10,0.5,1", "as many fields as the header"),
        ("a,100,10,0.5,1,slow,1,200,0.5,3,0,0", "already; give every trial a `seed` of its own"),
    ] {
        let message = row(line);
        assert!(message.starts_with("pairs.csv:3: ") && message.contains(words), "{message}");
    }
    assert!(said("items,authors\n").starts_with("pairs.csv:1: there is no column `updates`; the header needs items,"));
    assert!(said(HEADER).contains("there are no rows"));
}

#[test]
fn what_is_written_is_what_was_found() {
    let folder = Folder::new("write");
    let mut text = HEADER.to_owned();
    for (differences, seed) in [(1, 1), (1, 2), (100, 1), (100, 2)] {
        for (method, bytes) in [("flat", 100), ("steep", 10 * differences), ("auto", 200)] {
            text += &format!("{method},500,10,0,{differences},slow,{seed},{bytes},,1,0,0\n");
        }
    }
    let costs = folder.read(&text).unwrap();
    let cheapest = cheapest(&costs, "auto");
    let crossings = crossings_of_pairs(&costs, "auto", &ChaCha12Rng::seed_from_u64(1));
    let (map, curves) = (decision_map(&costs, &cheapest, "auto"), cost_curves(&costs, &costs.settings()));
    let steps = succession(&cheapest, &crossings);
    let study = CostStudy {
        costs: &costs,
        cheapest: &cheapest,
        crossings: &crossings,
        steps: &steps,
        map: &map,
        curves: &curves,
    };
    let written = write_study(&folder.0, &study).unwrap();
    assert!(written.iter().all(|path| path.exists()) && written.len() == 5);
    let read = |name: &str| std::fs::read_to_string(folder.0.join(name)).unwrap();
    assert_eq!(
        read("cheapest.csv"),
        "items,authors,updates,differences,link,by,method,cost,next,next_ratio,certain,adaptive_ratio\n\
         500,10,0,1,,bytes,steep,10,flat,10,true,20\n500,10,0,100,,bytes,flat,100,steep,10,true,2\n"
    );
    let crossing = read("crossings.csv");
    let (header, row) = crossing.trim_end().split_once('\n').unwrap();
    assert_eq!(header, "items,authors,updates,link,by,first,second,differences,low,high,from,to,leads");
    assert!(row.starts_with("500,10,0,,bytes,steep,flat,") && row.ends_with(",1,100,true"), "{row}");
    assert!(read("crossings.md").ends_with("| 500 | 10 | 0 | bytes | steep | flat | 10.0 | 10.0 to 10.0 |\n"));
    assert_eq!(
        read("figures/map.csv"),
        "row,column,x,y,category,letter,label\n\"500 items, 10 authors\",0 % updates,1,bytes,steep,b,20\n\
         \"500 items, 10 authors\",0 % updates,100,bytes,flat,a,2.00\n"
    );
    assert!(read("figures/bytes-500-items-10-authors-0-updates.csv").contains("\nsteep,100,1000,1000,1000,2,0\n"));
}
